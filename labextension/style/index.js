import './base.css';
import './panel.css';
import './main.css';
import './account.css';
import './plots.css';
import './work.css';
import './files.css';
import './datasets.css';
